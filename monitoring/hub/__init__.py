"""The live hub: tells browsers and API clients of status changes over a WebSocket, in the SignalR JSON hub protocol.

``views`` negotiates, ``asgi`` lets a WebSocket in, ``connection`` is its life, ``feed`` hears what the recorder
announced and hands it to every connection's ``backlog``. No process shares anything with another but SQL and the
channel layer, so any number of web processes may serve the hub.
"""
