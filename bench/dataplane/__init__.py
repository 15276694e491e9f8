"""What the gateway costs between client and upstream, beside other proxies and no proxy: `make bench-dataplane`.

Client and upstream are one process on one core (`loop`, `upstream`, `client`); the proxy under test is alone on another
(`processes`, `proxies`). Proxies take turns, slice by slice, so that a slow moment of the machine hits all of them; a
ratio is the median of the ratios to nginx within a round. CPU time is that of the proxy's whole process tree, user and
system. It says more than a rate does: a rate ends where the generator ends, and on a shared machine it is whatever the
others have left. Only the loopback interface is used, and every slice is bounded in time or in count.
"""
