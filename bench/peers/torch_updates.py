"""One update, or acting, in PyTorch: what exactly is in common.py. Prints milliseconds as one line of JSON.

Modes: `compiled` passes loss, gradient and clipping through torch.compile, the optimizer being one fused call already;
`channels_last` stores images and filters with the channels innermost, the bytes of the batch already so; `cuda_graph`
replays a whole compiled update as one CUDA graph. On a GPU matrix products may use TF32, a step begins with the copy of
the batch and ends with a synchronisation.
"""

import json

import common
import torch
from torch import nn
from torch.nn import functional as F

MODES = ["eager", "channels_last", "compiled", "compiled_channels_last", "max_autotune", "cuda_graph"]


def network(outputs, seed=1):
    layers = []
    for out, in_, size, stride in common.CONVS:
        layers += [nn.Conv2d(in_, out, size, stride), nn.ReLU()]
    width = common.FLAT[0] * common.FLAT[1] * common.FLAT[2]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, 512), nn.ReLU(), nn.Linear(512, outputs))
    with torch.no_grad():
        given = [torch.from_numpy(array) for pair in common.weights(outputs, seed) for array in pair]
        for param, value in zip(net.parameters(), given):
            param.copy_(value)
    return net


def decode(obs):
    return obs.float() / 255


def dqn_loss(net, target, batch):
    with torch.no_grad():
        y = batch["reward"] + common.GAMMA * (1 - batch["terminated"]) * target(decode(batch["next_obs"])).amax(1)
    q = net(decode(batch["obs"])).gather(1, batch["action"][:, None]).squeeze(1)
    return F.huber_loss(q, y)


def a2c_loss(net, _, batch):
    outputs = net(decode(batch["obs"]))
    log_pi, v = F.log_softmax(outputs[:, :-1], 1), outputs[:, -1]
    entropy = -(log_pi.exp() * log_pi).sum(1)
    log_pi_a = log_pi.gather(1, batch["action"][:, None]).squeeze(1)
    error = batch["returns"] - v
    policy = -log_pi_a * error.detach()
    return (policy + common.VALUE_WEIGHT * error**2 - common.ENTROPY_WEIGHT * entropy).mean()


def clip_each(grads, most):
    """Each tensor by itself, in a few calls for all of them."""
    factors = [(most / (norm + 1e-6)).clamp(max=1.0) for norm in torch._foreach_norm(grads)]
    torch._foreach_mul_(grads, factors)


class Learner:
    """Network, optimizer and batch; `update` is one update, of which it returns the loss."""

    def __init__(self, args):
        self.what = args.what
        self.gpu = args.device == "gpu"
        device = "cuda" if self.gpu else "cpu"
        innermost = "channels_last" in args.mode or args.mode == "cuda_graph"
        layout = torch.channels_last if innermost else torch.contiguous_format
        self.host = {}
        for name, array in common.batch(args.what, args.batch).items():
            tensor = torch.from_numpy(array)
            tensor = tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor
            self.host[name] = tensor.pin_memory() if self.gpu else tensor
        self.batch = {name: tensor.to(device) for name, tensor in self.host.items()}
        nets = [network(common.OUTPUTS[args.what], seed).to(device, memory_format=layout) for seed in (1, 3)]
        self.net, self.target = nets
        self.params = list(self.net.parameters())
        clips = common.CHECK_CLIP if args.check else common.CLIP
        self.most = clips.get(args.what)
        in_graph = {"capturable": True} if args.mode == "cuda_graph" else {}
        if args.what == "a2c":
            spec = common.RMSPROP
            self.optimizer = torch.optim.RMSprop(
                self.params, lr=spec["lr"], alpha=spec["decay"], eps=spec["eps"], foreach=True, **in_graph
            )
            for param in self.params:
                step = torch.zeros((), device=device if in_graph else "cpu")
                self.optimizer.state[param] = {"step": step, "square_avg": torch.ones_like(param)}
        else:
            spec = common.ADAM
            betas = (spec["beta1"], spec["beta2"])
            self.optimizer = torch.optim.Adam(
                self.params, lr=spec["lr"], betas=betas, eps=spec["eps"], fused=True, **in_graph
            )

        if args.mode in ("compiled", "compiled_channels_last", "cuda_graph", "max_autotune"):
            # CUDA graphs are the mode of that name's; inside of others they would copy inputs.
            how = {"mode": "max-autotune-no-cudagraphs"} if args.mode == "max_autotune" else {}
            self.loss = torch.compile(self.loss, dynamic=False, **how)
            self.clip = torch.compile(self.clip, dynamic=False, **how)
            self.net_outputs = torch.compile(self.net_outputs, dynamic=False, **how)
        if args.mode == "cuda_graph":
            self.capture()

    def net_outputs(self):
        return self.net(decode(self.batch["obs"]))

    def loss(self):
        return (dqn_loss if self.what == "dqn" else a2c_loss)(self.net, self.target, self.batch)

    def clip(self, grads):
        if self.what == "dqn":
            clip_each(grads, self.most)
        else:
            norm = torch.nn.utils.get_total_norm(grads, foreach=True)
            torch._foreach_mul_(grads, (self.most / (norm + 1e-6)).clamp(max=1.0))

    def update(self):
        loss = self.loss()
        loss.backward()
        self.clip([param.grad for param in self.params])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def outputs(self):
        with torch.no_grad():
            return self.net_outputs()

    def capture(self):
        """Records a whole update, or a forward pass, and has it replayed from here on."""
        call = "outputs" if self.what == "act" else "update"
        eager = getattr(self, call)
        # What the warm-up changes is put back: the check counts updates.
        before = [param.detach().clone() for param in self.params]
        states = self.optimizer.state
        begun = {param: {name: value.clone() for name, value in state.items()} for param, state in states.items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                eager()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = eager()
        with torch.no_grad():
            for param, value in zip(self.params, before):
                param.copy_(value)
            for param, state in states.items():
                for name, value in state.items():
                    # Adam has no state before its first step, and begins with zeros.
                    value.copy_(begun[param][name]) if param in begun else value.zero_()

        def replay():
            graph.replay()
            return result

        setattr(self, call, replay)

    def step(self):
        if self.gpu:
            for name, tensor in self.host.items():
                self.batch[name].copy_(tensor, non_blocking=True)
        if self.what == "act":
            return self.outputs().cpu().numpy()
        loss = self.update()
        if self.gpu:
            torch.cuda.synchronize()
        return loss


def main():
    args = common.arguments(__doc__, MODES)
    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("highest" if args.check else "high")
    torch.backends.cudnn.allow_tf32 = not args.check
    learner = Learner(args)
    if not args.check:
        return common.clock(learner.step, args.seconds)
    if args.what == "act":
        return print(json.dumps({"numbers": learner.step().flatten().tolist()}))
    grads = torch.autograd.grad(learner.loss(), learner.params)
    norm = sum(grad.square().sum() for grad in grads).sqrt().item()
    print(json.dumps({"numbers": [norm] + [learner.step().item() for _ in range(5)]}))


if __name__ == "__main__":
    main()
