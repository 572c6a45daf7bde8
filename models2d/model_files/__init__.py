"""Models from files and hubs: our own, published weights, ONNX, torchvision, transformers."""
