"""What pages and API both need of HTTP: who calls, where a request comes from, and how its body may be.

Headers and body come as a mapping and as bytes: nothing here knows the framework that they came by.
"""
