// Convolution of images and its gradients: a thread an element of what is written. params: images, channels, height and width;
// filters, and height and width of the result; height and width of a filter; groups; strides, paddings and dilations, the
// vertical one first; 1 if there is a bias; for the gradient of the weight the first element of a filter's results, over all
// images, that this launch adds, and the one behind its last.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

// Where the input lies that an element of a filter meets at an output, counted from the first; past the end if in the padding.
fn meets(output: u32, element: u32, axis: u32) -> u32 {
    return output * param(10u + axis) + element * param(14u + axis) - param(12u + axis);
}

// a is the image, b the weight.
@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let index = linear_id(wid, local, nwg, 256u);
    if index >= param(0u) * param(4u) * param(5u) * param(6u) {
        return;
    }
    let x = index % param(6u);
    let y = index / param(6u) % param(5u);
    let kernel = index / param(6u) / param(5u) % param(4u);
    let image = index / param(6u) / param(5u) / param(4u);
    let channels = param(1u) / param(9u);
    let first = kernel / (param(4u) / param(9u)) * channels;
    var sum = 0.0;
    if param(16u) == 1u {
        sum = bias[kernel];
    }
    for (var channel = 0u; channel < channels; channel += 1u) {
        let plane = (image * param(1u) + first + channel) * param(2u);
        let weights = (kernel * channels + channel) * param(7u);
        for (var i = 0u; i < param(7u); i += 1u) {
            let row = meets(y, i, 0u);
            if row >= param(2u) {
                continue;
            }
            for (var j = 0u; j < param(8u); j += 1u) {
                let column = meets(x, j, 1u);
                if column < param(3u) {
                    sum = fma(a[(plane + row) * param(3u) + column], b[(weights + i) * param(8u) + j], sum);
                }
            }
        }
    }
    result[index] = sum;
}

// Of the image: a is the weight, b the gradient of the result.
@compute @workgroup_size(256)
fn of_input(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let index = linear_id(wid, local, nwg, 256u);
    if index >= param(0u) * param(1u) * param(2u) * param(3u) {
        return;
    }
    let x = index % param(3u);
    let y = index / param(3u) % param(2u);
    let channel = index / param(3u) / param(2u) % param(1u);
    let image = index / param(3u) / param(2u) / param(1u);
    let channels = param(1u) / param(9u);
    let filters = param(4u) / param(9u);
    let first = channel / channels * filters;
    var sum = 0.0;
    for (var kernel = first; kernel < first + filters; kernel += 1u) {
        let plane = (image * param(4u) + kernel) * param(5u);
        let weights = (kernel * channels + channel % channels) * param(7u);
        for (var i = 0u; i < param(7u); i += 1u) {
            let down = y + param(12u) - i * param(14u);
            let row = down / param(10u);
            if i * param(14u) > y + param(12u) || row * param(10u) != down || row >= param(5u) {
                continue;
            }
            for (var j = 0u; j < param(8u); j += 1u) {
                let right = x + param(13u) - j * param(15u);
                let column = right / param(11u);
                if j * param(15u) > x + param(13u) || column * param(11u) != right || column >= param(6u) {
                    continue;
                }
                sum = fma(b[(plane + row) * param(6u) + column], a[(weights + i) * param(8u) + j], sum);
            }
        }
    }
    result[index] = sum;
}

// Of the weight: a is the image, b the gradient of the result.
@compute @workgroup_size(256)
fn of_weight(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) local: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
    let index = linear_id(wid, local, nwg, 256u);
    let channels = param(1u) / param(9u);
    if index >= param(4u) * channels * param(7u) * param(8u) {
        return;
    }
    let j = index % param(8u);
    let i = index / param(8u) % param(7u);
    let channel = index / param(8u) / param(7u) % channels;
    let kernel = index / param(8u) / param(7u) / channels;
    let first = kernel / (param(4u) / param(9u)) * channels;
    var sum = 0.0;
    if param(17u) > 0u {
        sum = result[index];
    }
    for (var at = param(17u); at < param(18u); at += 1u) {
        let x = at % param(6u);
        let y = at / param(6u) % param(5u);
        let image = at / param(6u) / param(5u);
        let row = meets(y, i, 0u);
        let column = meets(x, j, 1u);
        if row < param(2u) && column < param(3u) {
            let plane = (image * param(1u) + first + channel) * param(2u);
            let upstream = (image * param(4u) + kernel) * param(5u);
            sum = fma(a[(plane + row) * param(3u) + column], b[(upstream + y) * param(6u) + x], sum);
        }
    }
    result[index] = sum;
}
