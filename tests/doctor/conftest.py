"""What the tests of the doctor share: an examination of the fake endpoint, and one probe of it alone."""

import asyncio

import pytest

from agentkit.doctor import Bounds, examine
from agentkit.doctor.patient import Patient
from agentkit.http import ChatModel
from agentkit.testing import FakeEndpoint
from agentkit.testing.echo import echo
from agentkit.testing.fault import Fault


class Lenient(FakeEndpoint):
    """A fake endpoint that refuses nothing by itself."""

    def _refusal(self, request):
        return None


def refusing(found, text, *, status=400, otherwise=echo):
    """Replies as a function of the request: those that `found` holds of are refused, all others answered by rule."""

    def reply(request):
        if found(request):
            body = {"error": {"message": text, "type": "invalid_request_error", "code": None}}
            return Fault.status(status, body=body)
        return otherwise(request)

    return [reply] * 60


@pytest.fixture
def refuses():
    return refusing


@pytest.fixture
def examined():
    """Examine a fake endpoint; gives the examination and the endpoint."""

    def examined(*, bounds=None, vision=False, tell=None, model=None, **endpoint):
        async def main():
            server = FakeEndpoint(**endpoint)
            async with server, ChatModel("any", base_url=server.base_url, **(model or {})) as patient:
                return await examine(patient, bounds=bounds, vision=vision, tell=tell), server

        return asyncio.run(main())

    return examined


@pytest.fixture
def asked():
    """Run probes, one after the other, on one patient; gives the last one's findings and the patient."""

    def asked(*probes, bounds=None, profile=None, most=60, lenient=False, **endpoint):
        async def main():
            async with (Lenient if lenient else FakeEndpoint)(**endpoint) as server:
                model = ChatModel("any", base_url=server.base_url, profile=profile)
                async with Patient(model, bounds or Bounds(), most) as patient:
                    for probe in probes:
                        findings = await probe(patient)
                        for finding in findings:
                            patient.profile = patient.profile.replace(**finding.profile)
                    return findings, patient

        return asyncio.run(main())

    return asked
