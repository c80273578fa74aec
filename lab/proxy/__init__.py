"""Our own proxies between the queue and what it talks to, with faults chosen at run time."""
