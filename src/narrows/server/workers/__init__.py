"""Several gateway processes on one port, and the one that watches over them.

`supervisor` starts workers, replaces those that die, and restarts them; `worker` is the other end, in each of them;
`messages` and `channel` are what goes between the two; `listeners` are the sockets, which belong to the supervisor and
outlive every worker; `together` answers for all of them.
"""
