"""Checks over episode tables that produce findings."""
