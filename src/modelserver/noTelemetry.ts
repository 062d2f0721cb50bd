/**
 * Turns off what onnxruntime would report to its makers. Since 1.29 its official builds send the name, the graph's name and
 * the hashes of each model that they load over HTTPS, and keep an identifier of the machine and unsent reports in
 * ~/.cache/Microsoft. They read this once, when they are loaded: import this file before `onnxruntime-node`, on the main
 * thread first (a worker's environment is a copy that native code does not see).
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
