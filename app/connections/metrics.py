"""What connections count."""

from prometheus_client import Counter

REFRESHES = Counter("addressbus_connections_refreshes", "Refreshes of access tokens", ["provider", "result"])
CONNECTED = Counter("addressbus_connections_connected", "Accounts connected, again or for the first time", ["provider"])
DISCONNECTED = Counter("addressbus_connections_disconnected", "Accounts disconnected", ["provider"])
