"""HTTP concerns shared by pages and API: identity of the caller, origin of a request, media type and size of its body.

Headers are a mapping and bodies are bytes, so that nothing here depends on the web framework.
"""
