"""A gRPC channel to Manam that calls as the contract says: with a deadline, and again only what may be repeated.

Which calls those are stands in the options of their methods (manam/options/v1/access.proto), so that nothing here
has to be kept in step with the service.
"""

import collections
import json
import urllib.parse
import uuid

import grpc
from manam.options.v1 import access_pb2
from manam.v1 import (
    auth_service_pb2,
    event_service_pb2,
    management_service_pb2,
    profile_service_pb2,
    recovery_service_pb2,
    two_factor_service_pb2,
)

# Add the files of other services that you call.
FILES = (
    auth_service_pb2,
    event_service_pb2,
    management_service_pb2,
    profile_service_pb2,
    recovery_service_pb2,
    two_factor_service_pb2,
)
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
DEADLINE_S = 10
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def takes_idempotency_key(path):
    """Whether a call is repeated safely by a key that names it."""
    return METHODS[path].GetOptions().Extensions[access_pb2.access].idempotency_key


def is_retry_safe(path):
    """Whether a call may be sent again when its answer was lost."""
    rule = METHODS[path].GetOptions().Extensions[access_pb2.access]
    return rule.retry_safe or rule.idempotency_key


def service_config():
    """gRPC's own words for what is tried again, and how (gRFC A6)."""
    names = [path[1:].split("/") for path in METHODS if is_retry_safe(path)]
    return {
        "methodConfig": [
            {
                "name": [{"service": service, "method": method} for service, method in names],
                "retryPolicy": RETRY_POLICY,
            }
        ],
        # Where most calls fail, trying again makes it worse.
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }


class _Details(
    collections.namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),
    grpc.ClientCallDetails,
):
    """The details of one call, as they are after us."""


class _Manners(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the key of the tenant, an idempotency key that all attempts of a call share, and a deadline."""

    def __init__(self, key):
        self._key = key

    def _details(self, given, timeout):
        metadata = list(given.metadata or ())
        names = {name for name, _ in metadata}
        if "x-api-key" not in names:
            metadata.append(("x-api-key", self._key))
        if takes_idempotency_key(given.method) and "idempotency-key" not in names:
            metadata.append(("idempotency-key", str(uuid.uuid4())))
        return _Details(given.method, timeout, metadata, given.credentials, given.wait_for_ready, given.compression)

    def intercept_unary_unary(self, continuation, client_call_details, request):
        timeout = DEADLINE_S if client_call_details.timeout is None else client_call_details.timeout
        return continuation(self._details(client_call_details, timeout), request)

    def intercept_unary_stream(self, continuation, client_call_details, request):
        # A stream stays open.
        return continuation(self._details(client_call_details, client_call_details.timeout), request)


def open_channel(url, key):
    """Opens a channel to a service, such as https://id.example.com, with a key of a tenant."""
    parts = urllib.parse.urlsplit(url)
    is_secure = parts.scheme == "https"
    address = f"{parts.hostname}:{parts.port or (443 if is_secure else 80)}"
    options = [("grpc.service_config", json.dumps(service_config()))]
    channel = (
        grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
        if is_secure
        else grpc.insecure_channel(address, options)
    )
    return grpc.intercept_channel(channel, _Manners(key))
