"""Registers a user, signs them in, verifies their token without a call, and follows the events of the tenant."""

import json
import os
import time
import urllib.parse
import urllib.request

import grpc
import jwt
from google.rpc import error_details_pb2, status_pb2
from manam.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
)
from manam_channel import open_channel

URL = os.environ.get("MANAM_URL", "http://localhost:8080")
KEY = os.environ["MANAM_KEY"]
SECRET_KEY = os.environ["MANAM_SECRET_KEY"]
TENANT = os.environ["MANAM_TENANT"]
PASSWORD = "quiet-orbit-lantern-47"


def reason_of(failure):
    """The reason of a failed call, such as CREDENTIALS_INVALID (docs/api/errors.md)."""
    for name, value in failure.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return failure.code().name


def confirmation_of(email):
    """The code of the mail that a development server has captured."""
    with urllib.request.urlopen(f"{URL}/dev/messages?to={urllib.parse.quote(email)}") as answer:
        return json.load(answer)[0]["code"]


def main():
    channel = open_channel(URL, KEY)
    auth = auth_service_pb2_grpc.AuthServiceStub(channel)
    email = f"leila.{time.time_ns()}@example.com"
    auth.Register(auth_service_pb2.RegisterRequest(email=email, password=PASSWORD))
    login = auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
    try:
        auth.Login(login)
    except grpc.RpcError as failure:
        print("before she has confirmed:", reason_of(failure))
    auth.ConfirmEmail(auth_service_pb2.ConfirmEmailRequest(cnf=confirmation_of(email)))
    answer = auth.Login(login)
    token = answer.tokens.access_token

    keys = jwt.PyJWKClient(f"{URL}/.well-known/jwks.json")
    key = keys.get_signing_key_from_jwt(token).key
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=TENANT, options={"require": ["exp", "sub", "sid"]})
    print("the token is that of the user:", claims["sub"] == answer.user_id)

    profile = profile_service_pb2_grpc.ProfileServiceStub(channel)
    session = [("authorization", f"Bearer {token}")]
    print("signed in:", profile.ViewUser(profile_service_pb2.ViewUserRequest(), metadata=session).user.email == email)

    events = event_service_pb2_grpc.EventServiceStub(open_channel(URL, SECRET_KEY))
    wanted = event_service_pb2.WatchEventsRequest(types=["session.started"], from_start=True)
    for message in events.WatchEvents(wanted):
        if message.event.user_id == answer.user_id:
            print("event:", message.event.type)
            break


if __name__ == "__main__":
    main()
