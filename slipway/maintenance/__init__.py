"""Maintenance run by timers or operators: the reconcile timer, anchors, exports, retention and the doctor's checks."""
