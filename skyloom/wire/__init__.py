"""The assembly: the only place that picks concrete classes and hands objects to each other.

`core` is the control plane, `host` the agents with their drivers, `machine` the real parts of this machine. A cloud
on one machine has all three in one process; with a broker the hosts have a process of their own.
"""
