"""A local HTTP server that behaves as xAI's chat API does, for demos and tests.

Its answers are made up from the pixels it is sent; none of them comes from Grok, and each one says
so in its ``model`` field (``stand-in:grok-4.7``). It runs in a process of its own and is spoken to
over HTTP only: see ``process.StandIn``.
"""
