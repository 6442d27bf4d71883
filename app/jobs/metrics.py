"""What the jobs service counts."""

from prometheus_client import Counter, Gauge

REQUESTS = Counter("addressbus_jobs_requests", "Imports requested, repeats included")
BYTES = Counter("addressbus_jobs_bytes", "Bytes of files taken")
SEGMENTS = Counter("addressbus_jobs_segments", "Segments produced, repeats included")
UPLOADS = Gauge("addressbus_jobs_uploads", "Requests that send a file now")
FAILED = Counter("addressbus_jobs_failed", "Files that could not be used", ["code"])
OVERTAKEN = Counter("addressbus_jobs_overtaken", "Uploads that lost to a newer writer")
