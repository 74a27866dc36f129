"""A local Azure Functions host around the very worker library that Azure runs (`azure-functions-runtime`).

The host does what the .NET host does in Azure: it reads host.json and the app settings, starts the Python worker as a
child process, lets it index the app, listens (HTTP, Event Grid webhook, timers, Service Bus) and invokes functions.
Whatever fails in Azure should fail here, with the same message if there is one. README.md says what is covered and what
is not.

How an event travels:

    http_server.py                                      reads requests and dispatches them:
    http_front.py, event_grid.py, admin.py              functions, deliveries, "run now"
    timers.py, bus_pump.py, bus_sessions.py             listen, and build the trigger's data
      -> invocation.py                                  time limit, retry policy, output bindings
      -> worker.py  ==(frames.py, a socket pair)==>  worker_process.py  -> azure_functions_runtime -> the app

`launch.py` starts a host as a process, for tests and for the local stack.
"""
