"""What the web process counts."""

from prometheus_client import Counter, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_requests = Counter("addressbus_web_requests", "Answers given, by method and status.", ["method", "status"])
_seconds = Histogram(
    "addressbus_web_answer_seconds",
    "From a request's headers to its answer's; an upload is answered when it is safe.",
    ["method"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 60),
)


def answered(method: str, status: int, seconds: float) -> None:
    """One answer began. A method that HTTP does not know is not a label of its own."""
    label = method if method in _METHODS else "other"
    _requests.labels(label, str(status)).inc()
    _seconds.labels(label).observe(seconds)
