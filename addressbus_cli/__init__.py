"""The command line of Addressbus. It speaks to any server over its public API and knows nothing of the servers' code."""
