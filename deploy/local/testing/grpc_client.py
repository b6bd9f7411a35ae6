# What a client of others does: grpcio and protobuf alone, no file of ours; messages are built from what reflection says.
import struct, sys, grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

pool = descriptor_pool.DescriptorPool()
channel = grpc.insecure_channel(sys.argv[1])

def wire(number, value):  # a length-delimited field
    return bytes([number << 3 | 2, len(value)]) + value

# reflection by hand: file_containing_symbol = 4; the answer's file_descriptor_response = 4
ask = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
raw = next(ask(iter([wire(4, b"inference.GRPCInferenceService")])))

def fields(data):
    at = 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 2:
            size = varint(); yield tag >> 3, data[at:at + size]; at += size
        else: yield tag >> 3, varint()

files = [blob for number, response in fields(raw) if number == 4 for n, blob in fields(response) if n == 1]
for blob in reversed(files):
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(blob))
make = lambda name: message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("inference." + name))

def call(method, request, answer, **given):
    stub = channel.unary_unary("/inference.GRPCInferenceService/" + method,
                               request_serializer=lambda m: m.SerializeToString(), response_deserializer=make(answer).FromString)
    return stub(given.pop("message", None) or make(request)(**given), timeout=5)

print("live", call("ServerLive", "ServerLiveRequest", "ServerLiveResponse").live)
print("extensions", list(call("ServerMetadata", "ServerMetadataRequest", "ServerMetadataResponse").extensions))
print("config", call("ModelConfig", "ModelConfigRequest", "ModelConfigResponse", name="fp32").config.max_batch_size)
request = make("ModelInferRequest")(model_name="fp32", id="1")
request.inputs.add(name="x", datatype="FP32", shape=[2])
request.raw_input_contents.append(struct.pack("<2f", 1, 2))
request.parameters["priority"].uint64_param = 1
request.parameters["timeout"].int64_param = 2_000_000
answer = call("ModelInfer", "", "ModelInferResponse", message=request)
print("infer", answer.id, [(o.name, list(o.shape)) for o in answer.outputs], answer.raw_output_contents[0].hex())
try:
    call("ModelMetadata", "ModelMetadataRequest", "ModelMetadataResponse", name="nothing")
except grpc.RpcError as error:
    print("refused", error.code().name, dict(error.trailing_metadata())["massif-error"])
