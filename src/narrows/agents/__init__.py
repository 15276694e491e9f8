"""Agents behind the Chat Completions API, the pure part: what a run is, what may happen to it, and how it is told."""
