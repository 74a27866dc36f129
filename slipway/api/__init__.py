"""Request and response models of `/api/v1`, shared by the app and its clients.

The app builds its answers from these models, so it sends no field that the OpenAPI document lacks. Clients parse them
with `read`, which ignores unknown fields, so that an older command works with a newer app. Some of the models are
domain records, which are strict wherever else they are parsed.
"""
