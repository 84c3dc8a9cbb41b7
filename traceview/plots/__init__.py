"""Figures of one capture and of a fleet."""
