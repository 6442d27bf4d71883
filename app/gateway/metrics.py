"""What the gateway counts."""

from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("addressbus_gateway_sockets", "Open sockets")
SUBSCRIPTIONS = Gauge("addressbus_gateway_subscriptions", "Channels heard by sockets")
ROOMS = Gauge("addressbus_gateway_rooms", "Channels somebody here listens to, or just did")
REFUSED = Counter("addressbus_gateway_refused", "Handshakes refused", ["status"])
CLOSED = Counter("addressbus_gateway_closed", "Sockets closed by us", ["code"])
ABORTED = Counter("addressbus_gateway_aborted", "Sockets cut because their client did not read")
NOTICES_WRITTEN = Counter("addressbus_gateway_notices", "Notices brought from Kafka to Redis")
MALFORMED = Counter("addressbus_gateway_malformed", "Records and messages that could not be read")
FRAMES = Counter("addressbus_gateway_frames", "Event frames written to sockets")
CONFLATED = Counter("addressbus_gateway_conflated", "Progress that gave way to newer progress")
REPAIRS = Counter("addressbus_gateway_repairs", "Positions read again")
DELAY = Histogram(
    "addressbus_gateway_delay_seconds",
    "From the fact in Kafka (a finished segment) to the first socket",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
