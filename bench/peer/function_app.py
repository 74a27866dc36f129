"""The peer of front and worker in measurements: for each role, the smallest app with the same SDKs.

`PEER` selects the role: `front` answers requests, `worker` takes messages. The SDKs are loaded at the start: a function
that loads one only when needed keeps its first caller waiting instead.
"""

import hmac
import logging
import os
import threading

import azure.functions as func
from azure.data.tables import TableClient
from azure.identity import DefaultAzureCredential  # noqa: F401 - loading it is what is measured
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
        """A sync function that reads the body, like ours."""
        return func.HttpResponse(str(len(req.get_body())), status_code=202)

    @app.route(route="hook", methods=["POST"])
    def hook(req: func.HttpRequest) -> func.HttpResponse:
        """Compares a secret and sends one message."""
        authorization = req.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(authorization, os.environ["SECRET"].encode()):
            return func.HttpResponse("refused", status_code=401)
        with lock:  # the SDK's senders are not thread-safe
            if not senders:
                senders.append(ServiceBusClient.from_connection_string(os.environ["BUS"]).get_queue_sender(QUEUE))
            senders[0].send_messages(ServiceBusMessage(req.get_body()))
        return func.HttpResponse("enqueued", status_code=202)

else:
    import kubernetes.client  # noqa: F401 - loading it is what is measured

    @app.service_bus_queue_trigger(arg_name="message", queue_name=QUEUE, connection="BUS")
    def take(message: func.ServiceBusMessage) -> None:
        """Reads one row and writes it."""
        table = TableClient.from_connection_string(os.environ["STORAGE"], QUEUE)
        table.upsert_entity({**table.get_entity("one", "row"), "Body": message.get_body().decode()})
