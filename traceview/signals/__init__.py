"""What a log line means: from log rows to typed events."""
