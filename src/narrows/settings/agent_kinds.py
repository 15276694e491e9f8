"""Which settings of an agent mean something, by its kind and by how its model calls are known.

A setting that would be ignored is refused at the start: who wrote it believes that it does something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ONLY_FOR: Final[Mapping[str, frozenset[str]]] = {
    "service": frozenset({"cascade"}),
    "assistant": frozenset({"langgraph"}),
    "command": frozenset({"acp"}),
    "cwd": frozenset({"acp"}),
    "env": frozenset({"acp"}),
    "max_processes": frozenset({"acp"}),
    "token_header": frozenset({"cascade", "langgraph", "a2a"}),
    "max_calls": frozenset({"cascade", "langgraph", "a2a"}),
}
_NEVER_ASK: Final = frozenset({"langgraph", "a2a"})
"""Their servers say that they wait for a person, and take no yes or no: the run ends."""
_OF_MODEL_CALLS: Final = ("session_header", "calls_key", "background_models", "model_wire")


def check_heeded(kind: str, correlation: str, given: Mapping[str, object]) -> None:
    """Refuse what an agent of this kind and correlation would not heed; `given` is what its table says.

    Raises:
        ValueError: there is such a setting.
    """
    for word in sorted(_ONLY_FOR.keys() & given.keys()):
        if kind not in _ONLY_FOR[word]:
            kinds = ", ".join(sorted(_ONLY_FOR[word]))
            raise ValueError(f"has {word}, which is for agents of kind {kinds}: leave it out")
    if "max_processes" in given and correlation != "endpoint":
        raise ValueError(
            "has max_processes, and one process serves all its sessions: leave it out, or set correlation to endpoint"
        )
    if kind in _NEVER_ASK and given.get("on_waiting", "error") != "error":
        raise ValueError(
            f"has on_waiting {given['on_waiting']}, and what waits for a person at a server of kind {kind} can be told"
            " neither yes nor no: leave it out, and the run ends with agent_waiting_for_input, or the agent's question"
            " is the answer"
        )
    idle = [word for word in _OF_MODEL_CALLS if word in given]
    if idle and correlation == "none":
        raise ValueError(
            f"has {', '.join(idle)}, which is about model calls that pass the gateway, and no correlation by which they"
            " could be known to be a session's: set correlation, or leave it out"
        )
    if "model_wire" in given and correlation != "endpoint" and kind != "acp":
        raise ValueError(
            "has model_wire, which is told to an agent whose conversations get addresses of their own: leave it out, or"
            " set correlation to endpoint"
        )
