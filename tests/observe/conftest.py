"""Telemetry kept in memory, and a receiver of OTLP over HTTP on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.observe import Trace


class Recorded:
    """Spans and metrics of a real SDK, kept in memory."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader])

    def trace(self, **options):
        return Trace(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **options)

    @property
    def spans(self):
        """Those that have ended, in the order in which they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time)

    def span(self, name):
        (found,) = [span for span in self.spans if span.name == name]
        return found

    @property
    def tree(self):
        """Each span's name with those of its children, in the order in which they began."""
        known = {span.context.span_id for span in self.spans}
        return [self.below(span) for span in self.spans if span.parent is None or span.parent.span_id not in known]

    def below(self, span):
        inside = [one for one in self.spans if one.parent and one.parent.span_id == span.context.span_id]
        return (span.name, [self.below(one) for one in inside]) if inside else span.name

    @property
    def points(self):
        """The points of each metric, as attributes and sum."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: [(dict(point.attributes), point.sum, point.count) for point in metric.data.data_points]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def recorded():
    found = Recorded()
    yield found
    found.tracer_provider.shutdown()
    found.meter_provider.shutdown()


class Receiver:
    """What a collector would get: the requests of OTLP over HTTP, decoded by their own schema."""

    KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}

    def __init__(self):
        received = self.received = []

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/x-protobuf"
                received.append(Receiver.KINDS[self.path].FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    opened = Receiver()
    yield opened
    opened.close()
