"""What an endpoint can do, found out by asking it: bounded probes, findings, and the profile that follows.

`examination` runs the table of `probe`, whose probes (`talk`, `call`, `history`, `output`, `proof`) ask the `patient`;
`deviation`, `reply` and `stream` look at the raw bytes of each answer.
"""

from agentkit.doctor.examination import Examination, Plan, examine
from agentkit.doctor.finding import Finding, Verdict
from agentkit.doctor.patient import Bounds
from agentkit.doctor.probe import PROBES, Probe

__all__ = ["PROBES", "Bounds", "Examination", "Finding", "Plan", "Probe", "Verdict", "examine"]
