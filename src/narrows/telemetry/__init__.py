"""What an operator sees: metrics and the event log."""
