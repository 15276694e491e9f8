"""From messages to what an agent is told, which is one text.

An agent that knows the conversation is told what is new. One that does not is told the whole of it: system and
developer texts as they are; then, where there is more than the one message of a user, each message under a line that
says whose it is:

    [User]:                 text
    [Assistant]:            text
    [Tool call (ID): NAME(ARGUMENTS)]
    [Tool result (ID)]:     text

with a blank line between two. Texts are told as they are. These lines are a form, and no border of trust: an agent must
not give a text more weight because of a line above it.
"""

from __future__ import annotations

from collections.abc import Sequence

from narrows.agents.request import Message
from narrows.errors import MissingToolOutputs, NoUserMessage

_SAYS = {"user": "User", "assistant": "Assistant"}
_RESULTS = frozenset({"tool", "function"})


def told(messages: Sequence[Message], known: int) -> str:
    """What to tell an agent that knows the first `known` messages.

    Raises:
        NoUserMessage: there is nothing for it to answer.
        MissingToolOutputs: a tool call has no output, or an output no call.
    """
    _check_tools(messages)
    new = messages[known:]
    if not new or not any(message.text for message in new if not message.instructs):
        raise NoUserMessage("the messages hold no text of a user that is new; add a user message", param="messages")
    if new[-1].role == "assistant":
        raise NoUserMessage("the last message is the assistant's; an agent answers a user's", param="messages")
    instructions = [message.text for message in new if message.instructs and message.text]
    rest = [message for message in new if not message.instructs]
    if len(rest) == 1 and rest[0].role == "user":
        return "\n\n".join([*instructions, rest[0].text])
    return "\n\n".join([*instructions, *(line for message in rest for line in _lines(message))])


def _lines(message: Message) -> list[str]:
    if message.role in _RESULTS:
        return [f"[Tool result ({message.call_id})]:\n{message.text}"]
    said = [f"[{_SAYS[message.role]}]:\n{message.text}"] if message.text else []
    return said + [f"[Tool call ({call.id}): {call.name}({call.arguments})]" for call in message.calls]


def _check_tools(messages: Sequence[Message]) -> None:
    """Each call that has an id has its output, and each output its call."""
    called = [call.id for message in messages for call in message.calls if call.id]
    answered = [message.call_id for message in messages if message.role == "tool"]
    missing = sorted(set(called) - set(answered))
    if missing:
        raise MissingToolOutputs(f"there is no tool message for {', '.join(missing)}; add one each", param="messages")
    unknown = sorted(set(answered) - set(called))
    if unknown:
        raise MissingToolOutputs(
            f"no assistant message here, and no run, has made the call {', '.join(unknown)}; send the whole"
            " conversation",
            param="messages",
        )
