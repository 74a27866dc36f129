"""Maintenance run by timers or operators: the sweep, anchors, exports, retention and the doctor's checks."""
