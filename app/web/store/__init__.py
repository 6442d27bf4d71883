"""The schema `web`: every statement about accounts. The workspace comes first; times are Unix seconds.

Rows of a workspace are seen only inside `sql.tenant`. The few look-ups that find a workspace in the first place say
what they present (`rows.presenting`), and row-level security shows them just that. What an owner changes is written
down (`app.web.audit`) in the transaction that changes it.
"""

from app.web.store.channels import Channels
from app.web.store.credentials import Credential, Credentials, Opened, Session, Token
from app.web.store.endings import Ends
from app.web.store.people import Member, People, Workspace
from app.web.store.ways_in import Invitation, Offer, WaysIn

__all__ = ["Credential", "Invitation", "Member", "Offer", "Opened", "Session", "Store", "Token", "Workspace"]


class Store(People, Credentials, WaysIn, Channels, Ends):
    """All accounts, on one pool."""
