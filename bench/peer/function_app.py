"""The peer of the front and the worker in measurements: for each role the smallest app with the same SDKs.

`PEER` says which of the two; `front` answers, `worker` takes messages. Their SDKs are loaded at the start: a
function that needs one and has not loaded it keeps its first caller waiting instead.
"""

import hmac
import logging
import os
import threading

import azure.functions as func
from azure.data.tables import TableClient
from azure.identity import DefaultAzureCredential  # noqa: F401 - what is measured is its loading
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.storage.blob import ContainerClient  # noqa: F401 - likewise

QUEUE = "probe"
logging.getLogger("azure").setLevel(logging.WARNING)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

if os.environ["PEER"] == "front":
    lock = threading.Lock()
    senders: list[ServiceBusSender] = []

    @app.route(route="trivial", methods=["POST"])
    def trivial(req: func.HttpRequest) -> func.HttpResponse:
        """A sync function that reads the body, as ours are."""
        return func.HttpResponse(str(len(req.get_body())), status_code=202)

    @app.route(route="hook", methods=["POST"])
    def hook(req: func.HttpRequest) -> func.HttpResponse:
        """Compares a secret and sends one message."""
        given = req.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, os.environ["SECRET"].encode()):
            return func.HttpResponse("refused", status_code=401)
        with lock:  # a sender of the SDK is not made for several threads
            if not senders:
                senders.append(ServiceBusClient.from_connection_string(os.environ["BUS"]).get_queue_sender(QUEUE))
            senders[0].send_messages(ServiceBusMessage(req.get_body()))
        return func.HttpResponse("enqueued", status_code=202)

else:
    import kubernetes.client  # noqa: F401 - what is measured is its loading

    @app.service_bus_queue_trigger(arg_name="message", queue_name=QUEUE, connection="BUS")
    def take(message: func.ServiceBusMessage) -> None:
        """Reads one row and writes it."""
        table = TableClient.from_connection_string(os.environ["STORAGE"], QUEUE)
        table.upsert_entity({**table.get_entity("one", "row"), "Body": message.get_body().decode()})
