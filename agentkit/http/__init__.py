"""Models behind an address: `ChatModel` sends the contract's requests over HTTP and reads what real servers answer.

A request passes `chat`, `dialect`, which spells it by the endpoint's `profile`, `exchange` and `transport`;
what comes back goes through `stream`, a refusal through `status`, and to `learn` what it teaches of the profile.
"""

from agentkit.http.chat import ChatModel
from agentkit.http.clock import Timeout
from agentkit.http.profile import Profile
from agentkit.http.retry import Retry

__all__ = ["ChatModel", "Profile", "Retry", "Timeout"]
