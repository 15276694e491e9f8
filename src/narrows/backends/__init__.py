"""Agents that are driven over the network: one folder or file a protocol, and one in memory."""
