"""Ratchet's GPU worker: trains one adapter at a time, and corrects vLLM's LoRA operations on CPU.

Kept empty: vLLM imports this package in each of its processes to find the plugin.
"""
