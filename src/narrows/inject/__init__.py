"""Offers a client's tools on an agent's own model traffic; the agent sees nothing of them (docs/decisions/0011).

Pure: bytes in, values out. Each wire has an `Injector` (`registry.injector_for(name)`; None for a wire without one).
What belongs to a session is an `Offer`, made once, and a list of `Exchange`s, which only grows. An agent's request goes
so:

1. `offer = injector.declare(tools)`, at the session's start. The same tools give the same bytes.
2. For each request, `body` being as the agent sent it, decoded and whole:
   `injector.insert(body, offer)` -> `Inserted(edits)`, or `NotInserted(obstacle, detail)`: a name clash is the client's
   error, the others leave the body as it is, and then nothing is filtered either.
   `injector.splice(body, exchanges)` -> `Spliced(edits, missing)`; `missing` have no place in this request, which its
   record tells.
   `place = injector.place(body)`: where this request's answer will stand. Exchanges of the same place are of an answer
   that the agent does not have, since it asks for it again; they are forgotten.
   `sent = apply_edits(body, [*inserted.edits, *spliced.edits])`; all edits are of the same body, and may be joined with
   those of a plan, or the plan is made of what `sent` is.
3. `answer = injector.filter(offer)`: give it the answer's decoded bytes, and the agent what it returns.
   `answer.receive_data(piece)`, at the end `answer.receive_eof()`; then `answer.outcome` is
   `Passed`: the agent has all of it. `Dropped(reason)`: it has all of it but calls that must not be executed.
   `Broken(reason)`: its answer must be cut short; no end is owed to it.
   `Withheld`: `calls` go to the client, as `AgentCall`s with the client's own names; the agent's answer stays open.
4. When the outputs are there, one for each call, in the calls' order:
   `exchange = injector.exchange(place, withheld, outputs)`, which is recorded with the session before its first use.
   It is a msgspec struct: `msgspec.json.encode(exchange)`, and `decode(..., type=Exchange)` gives it back.
   `withheld.mixed`: give the agent `answer.release()`, its own calls and the end; it goes on by itself.
   Otherwise `sent = apply_edits(sent, [injector.follow_up(sent, exchange)])` is the next request, made with the same
   headers; `answer.go_on()`, and step 3 again with its answer: the agent reads both as one.

An answer without a Content-Encoding is what a filter reads, so the request asks for none. Errors of the model's server
(a status other than 200) are passed on and never filtered.

`mcp` is the other way to offer tools without the agent's server: the messages of an MCP server that has them.
"""
