"""The command line of Addressbus: speaks to any server over its public API, knows nothing of the servers' code."""
