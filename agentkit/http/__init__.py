"""Models behind an address: `ChatModel` sends the contract's requests over HTTP and reads what real servers answer."""

from agentkit.http.chat import ChatModel
from agentkit.http.clock import Timeout
from agentkit.http.profile import Profile
from agentkit.http.retry import Retry

__all__ = ["ChatModel", "Profile", "Retry", "Timeout"]
