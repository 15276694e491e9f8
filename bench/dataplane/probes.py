"""Requests and answers that are as good as any other, and that a proxy which writes JSON anew does not give back.

Real clients and providers send all of these: blanks after colons (the default of several languages), escapes that need
not be, numbers that a float cannot hold, fields no schema knows, an order of keys of their own, a line end after the
body; in streams, comments, events with names, and `data:` with no blank.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.dataplane.bodies import MODEL

_ASK = '"messages":[{"role":"user","content":"Which field fails?"}]'

REQUESTS: dict[str, bytes] = {
    name: text.encode()
    for name, text in {
        "compact": f'{{"model":"{MODEL}",{_ASK}}}',
        "blanks": f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "Which field fails?"}}]}}',
        "escapes": f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"caf\\u00e9 \\/src\\/head \\u0041"}}]}}',
        "letters": f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"café, 頭, 🦀"}}]}}\n',
        "numbers": f'{{"model":"{MODEL}","temperature":1.0,"top_p":9e-1,"seed":9007199254740993,{_ASK}}}',
        "order": f'{{{_ASK},"user":"u-7","stop":null,"model":"{MODEL}"}}',
        "fields": f'{{"model":"{MODEL}",{_ASK},"x_vendor":{{"b":1,"a":[true,{{}}]}},"metadata":{{}}}}',
        "stream": f'{{"model":"{MODEL}","stream":true,{_ASK}}}',
    }.items()
}


@dataclass(frozen=True)
class Answer:
    """What the upstream says: a body, or the events of a stream."""

    payload: bytes
    status: int = 200
    stream: bool = False

    def framed(self) -> bytes:
        """The whole answer; a stream has one chunk for each event."""
        reason = "OK" if self.status == 200 else "Bad Request"
        kind = "text/event-stream" if self.stream else "application/json"
        head = f"HTTP/1.1 {self.status} {reason}\r\nServer: bench\r\nx-request-id: req_0123456789abcdef\r\n"
        head += f"openai-processing-ms: 312\r\nContent-Type: {kind}\r\n"
        if not self.stream:
            return f"{head}Content-Length: {len(self.payload)}\r\n\r\n".encode() + self.payload
        events = [event + b"\n\n" for event in self.payload.split(b"\n\n") if event]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
        return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


_NAMED = f'"id":"chatcmpl-0123456789","object":"chat.completion","created":1760000000,"model":"{MODEL}"'
_CHOICE = '{"index":0,"message":{"role":"assistant","content":"The third."},"finish_reason":"stop"}'
_ESCAPED = _CHOICE.replace("The third", "caf\\u00e9 \\/a")
_USAGE = '"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}'
_CHUNK = f'"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1760000000,"model":"{MODEL}"'
_DELTA = f'{{{_CHUNK},"choices":[{{"index":0,"delta":{{"role":"assistant","content":"The"}},"finish_reason":null}}]}}'
_END = f'{{{_CHUNK},"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}'
_WIDE = _DELTA.replace('":', '": ').replace(',"', ', "')

ANSWERS: dict[str, Answer] = {
    "compact": Answer(f'{{{_NAMED},"choices":[{_CHOICE}],{_USAGE}}}'.encode()),
    "indented": Answer(f'{{\n  {_NAMED},\n  "choices": [\n    {_CHOICE}\n  ],\n  {_USAGE}\n}}\n'.encode()),
    "escapes": Answer(f'{{{_NAMED},"choices":[{_ESCAPED}],{_USAGE}}}'.encode()),
    "fields": Answer(f'{{{_USAGE},"x_vendor":{{"took":1.0,"n":1e2}},"choices":[{_CHOICE}],{_NAMED}}}'.encode()),
    "error": Answer(b'{"error": {"message": "No such model", "type": "invalid_request_error", "code": 7}}', 400),
    "stream": Answer(f"data: {_DELTA}\n\ndata: {_END}\n\ndata: [DONE]\n\n".encode(), stream=True),
    "events": Answer(f": wait\n\nevent: chunk\ndata:{_WIDE}\n\ndata: {_END}\n\ndata: [DONE]\n\n".encode(), stream=True),
}
