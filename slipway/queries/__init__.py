"""Questions about an installation, answered from ledger, audit index and blobs. Nothing here changes anything."""
