"""What a gateway makes of many runs of an agent at once: `make bench-agents`."""
