"""The scenarios of the cloud's own flows: one module a domain, found by test_every_flow.py."""
