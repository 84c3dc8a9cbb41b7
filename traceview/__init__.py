"""Trace analysis for iOS VoIP and background-mode problems."""
