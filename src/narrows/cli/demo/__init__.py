"""`narrows demo`: a recorded agent session, sent to a model once straight and once through the gateway.

The session was recorded by running real commands on a real tree (bench/record_session.py). Each turn re-sends the whole
conversation, as agents do. The model is a small real one inside this process, so that the figures that only a model can
give (prompt tokens, cached tokens, time to first token) are its own.
"""
