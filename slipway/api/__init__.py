"""What travels between the app and its clients: each body and each answer of `/api/v1`, once.

The app makes its answers of these models, so it sends no field that the OpenAPI document lacks. Clients read them with
`read`, which passes over fields that it does not know: an older command can speak with a newer app. Some of the models
are records of the domain, which are strict wherever else they are read.
"""
