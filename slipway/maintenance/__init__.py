"""What a timer or an operator looks after: what was left over, anchors, exports, old records, the doctor's checks."""
