"""A worker in plain Python, to show that the wire is neutral: numpy, grpcio and nothing of ours.

It registers, asks for ranges of the data, pulls parameters, computes gradients of logistic
regression, pushes them and leaves: alone, or beside Rust workers. Messages are encoded by hand:
the numbers below are the fields in proto/schema/thalweg/v1/*.proto.
"""
import argparse, io, os, time, tomllib
import grpc
import numpy as np

CAN = ["libsvm", "logistic_regression", "downpour"]
WORKER, GRADIENT_F32_RAW, DONE, STOPPED, FAILED = 1, {1: 1, 2: 1, 3: 1}, 1, 2, 3

def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

def encode(fields):
    """A message from {field: value or list of values}; numpy's numbers are fixed 64-bit ones."""
    out = b""
    for field, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, np.generic):
                out += varint(field << 3 | 1) + value.tobytes()
            elif isinstance(value, int):
                out += varint(field << 3) + varint(value)
            else:
                value = encode(value) if isinstance(value, dict) else value
                out += varint(field << 3 | 2) + varint(len(value)) + value
    return out

def read_varint(stream):
    byte = stream.read(1)[0]
    return byte if byte < 128 else byte & 127 | read_varint(stream) << 7

def decode(data):
    """{field: [value, ...]} of a message: a varint as a number, all else as its bytes."""
    fields, stream = {}, io.BytesIO(data)
    while stream.tell() < len(data):
        key = read_varint(stream)
        if key & 7 == 0:
            value = read_varint(stream)
        else:
            value = stream.read({1: 8, 5: 4}.get(key & 7) or read_varint(stream))
        fields.setdefault(key >> 3, []).append(value)
    return fields

def get(message, field, default=0):  # A field that stands once; proto3 leaves out what is 0.
    return message.get(field, [default])[-1]

def mix(word):  # The finaliser of SplitMix64: common/src/seed.rs.
    word = word + 0x9E3779B97F4A7C15 & 2**64 - 1
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    word = (word ^ word >> 27) * 0x94D049BB133111EB & 2**64 - 1
    return word ^ word >> 31

def permute(seed, epoch, rows, positions):
    """The rows at these positions of an epoch: common/src/permutation.rs."""
    bits = max((rows - 1).bit_length(), 6)
    left_mask, right_mask = 2 ** (bits // 2) - 1, 2 ** (bits - bits // 2) - 1
    stream = mix(mix(mix(seed) ^ 2) ^ epoch) ^ mix(rows)
    keys = [mix(stream + number) for number in range(1, 9)]
    def row_at(position):
        left, right = position & left_mask, position >> bits // 2
        for even, odd in zip(keys[::2], keys[1::2]):
            left ^= mix(right ^ even) & left_mask
            right ^= mix(left ^ odd) & right_mask
        row = left | right << bits // 2
        return row if row < rows else row_at(row)
    return list(map(row_at, positions))

def read_libsvm(path):
    """For each row its label, -1 or +1, its 0-based features and their values."""
    with open(path, encoding="utf-8") as lines:
        for words in filter(None, (line.split("#")[0].split() for line in lines)):
            pairs = np.array([word.split(":") for word in words[1:]]).reshape(-1, 2)
            label = float(words[0]) or -1.0  # Labels are -1 and +1, or 0 and 1.
            yield label, pairs[:, 0].astype(int) - 1, pairs[:, 1].astype(np.float32)

def gradient(rows, x, features):
    """The gradient of the mean loss over these rows, and the sum of their losses."""
    labels, owned, values = zip(*rows)
    label, feature, value = np.array(labels), np.concatenate(owned), np.concatenate(values)
    row = np.repeat(np.arange(len(rows)), [len(own) for own in owned])
    score = np.bincount(row, value * x[feature], len(rows)) + x[features:].sum()
    slope = -label / (1 + np.exp(label * score)) / len(rows)
    weight, bias = np.bincount(feature, value * slope[row], features), slope.sum()
    return np.append(weight, [bias] * len(x[features:])), np.logaddexp(0, -label * score).sum()

class Worker:
    """A session with every server of a job. A call that fails ends it: its data go to others."""

    def __init__(self, addresses, data):
        self.channels = {address: grpc.insecure_channel(address) for address in addresses}
        first = {a: self.call(a, "Register", {1: 1, 2: 1, 3: WORKER}) for a in addresses}
        self.servers = sorted(addresses, key=lambda address: get(first[address], 4))
        answer, found = first[addresses[0]], [get(first[address], 4) for address in self.servers]
        if found != list(range(get(answer, 5))):
            raise SystemExit(f"--join: expected all {get(answer, 5)} servers once, found {found}")
        self.job, self.rows = tomllib.loads(get(answer, 8).decode()), list(read_libsvm(data))
        # What only Rust workers do, and data that are not the job's, would spoil it for all.
        job, self.data = self.job, self.job["data"]["resolved"]
        asked = [job[key]["name"] for key in ("data", "model", "method")]
        asked += [one["name"] for one in job["gradient"]["transforms"]]
        asked += {"label_positive", "train_weights", "class_weight"} & {*job["data"], *job["train"]}
        shape = len(self.rows), int(1 + max(max(own, default=-1) for _, own, _ in self.rows))
        if asked != CAN or shape[0] != self.data["rows"] or shape[1] > self.data["features"]:
            raise SystemExit(f"expected {CAN} {self.data}; found {asked}, (rows, features) {shape}")
        # Each server says which shards it has; shards follow one another in their order.
        self.shards = {server: [(get(shard, 1), get(shard, 2)) for shard in map(
            decode, self.call(server, "GetStatus", {})[12])] for server in self.servers}
        sizes = [size for _, size in sorted(sum(self.shards.values(), []))]
        self.starts, self.versions = np.cumsum([0, *sizes]), [0] * len(sizes)
        self.clock, self.stop, self.beaten = 0, False, time.monotonic()
        self.register({1: get(answer, 6), 2: get(answer, 7)}, self.data)

    def call(self, server, method, message):
        unary = self.channels[server].unary_unary(f"/thalweg.v1.ParameterServer/{method}")
        return decode(unary(encode(message), timeout=60, wait_for_ready=True))

    def register(self, job, data):
        """Server 0 gives the session and the slot, and the others take them over."""
        # The hash is the job's own, not one of what was read here: the shape alone was compared.
        summary = {1: data["rows"], 2: data["features"], 3: np.uint64(int(data["hash"], 16))}
        said = {1: 1, 2: 1, 3: WORKER, 4: job[1], 7: summary, 8: b"Python, %d" % os.getpid(), 9: []}
        for server in self.servers:
            answer = self.call(server, "Register", said)
            said[9].append(np.frombuffer(get(answer, 9), "<u8")[0])
            said |= {5: get(answer, 3), 6: get(answer, 2)}
        self.call(self.servers[0], "Register", said)  # It compares the lives that all have met.
        self.session, self.head = {1: said[6], 2: said[5]}, job | {3: said[6], 4: said[5]}

    def beat(self, doing, idle=0):
        """Gives a sign of life, if one is due."""
        if idle or self.beaten + self.job["limits"]["heartbeat_seconds"] < time.monotonic():
            message = self.session | {3: self.clock, 4: doing, 9: idle}
            replies = [self.call(server, "Heartbeat", message) for server in self.servers]
            self.stop, self.beaten = any(get(reply, 2) for reply in replies), time.monotonic()

    def pull(self):
        x = np.zeros(self.starts[-1], np.float32)
        for server, shards in self.shards.items():
            parts, reply = [{1: shard, 2: {1: 0, 2: size}} for shard, size in shards], {}
            while 1 not in reply:  # "Not yet": others are behind. Asking again is no retry.
                self.beat(b"training")
                reply = self.call(server, "Pull", self.head | {5: self.clock, 6: 500_000, 7: parts})
            for read in map(decode, decode(reply[1][0])[1]):
                shard, self.versions[get(read, 1)] = get(read, 1), get(read, 2)
                x[self.starts[shard] : self.starts[shard + 1]] = np.frombuffer(read[5][0], "<f4")
        return x

    def push(self, rate, values=None, batch={}):
        """A part for every shard; where there are no values it carries only the clock."""
        self.clock += 1
        push = self.head | {5: self.clock, 9: GRADIENT_F32_RAW, 11: rate} | batch
        for server, shards in self.shards.items():
            push[10] = [{1: shard, 2: self.clock, 3: self.versions[shard]} for shard, _ in shards]
            for part, (shard, size) in zip(push[10], shards if values is not None else []):
                payload = values[self.starts[shard] :][:size].astype("<f4").tobytes()
                part |= {5: {1: 0, 2: size}, 8: len(payload), 9: payload}
            for ack in map(decode, self.call(server, "Push", push)[1]):
                if 6 in ack:
                    raise RuntimeError(get(decode(ack[6][0]), 2).decode())

    def train(self):
        """Trains until the job is done; answers the examples done here and the last mean loss."""
        received, examples, loss, features = 0, 0, 0.0, self.data["features"]
        size = {"full": 2**63}.get(size := self.job["train"]["batch_size"], size)
        ask = lambda: self.call(self.servers[0], "NextRange", self.session | {3: received})
        # Asked for no number of iterations, server 0 grants one thing at a time.
        while not self.stop and 4 not in (grant := decode((answer := ask())[1][0])):
            rate = np.frombuffer(get(answer, 2, np.float64(1).tobytes()), "<f8")[0]
            received += 1 in grant or 2 in grant
            if 3 in grant:
                self.beat(b"waiting for data", idle=1)
                time.sleep(get(decode(grant[3][0]), 1) / 1e6)
            elif 2 in grant:
                self.push(rate)
            else:
                epoch, start, end = (get(decode(grant[1][0]), field) for field in (1, 2, 3))
                for at in range(start, end, size):
                    to = min(at + size, end)
                    rows = permute(self.job["seed"], epoch, len(self.rows), range(at, to))
                    span = {1: epoch, 2: at, 3: to, 4: np.uint64(sum(map(mix, rows)) % 2**64)}
                    values, loss = gradient([self.rows[row] for row in rows], self.pull(), features)
                    self.push(rate, values, {6: to - at, 7: np.float64(loss), 8: span})
                    examples, loss = examples + to - at, loss / (to - at)
        return examples, loss

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--join", required=True, help="the servers: HOST:PORT,HOST:PORT")
    parser.add_argument("--data", required=True, help="the job's training rows, in libsvm format")
    worker = Worker((options := parser.parse_args()).join.split(","), options.data)
    farewell = {3: FAILED, 4: b"it was cut short"}
    try:
        print("done: %d examples, last loss %.6f" % worker.train())
        farewell = {3: STOPPED if worker.stop else DONE}
    finally:
        for server in worker.servers:
            worker.call(server, "Leave", worker.session | farewell)
