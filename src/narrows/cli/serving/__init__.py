"""The ways in which `narrows serve` serves: one process alone, a supervisor of several, or one of these."""
