"""Read-only queries about an installation, answered from the ledger, the audit index and blobs."""
