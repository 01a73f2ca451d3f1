// What NVRTC gives a kernel of itself, in terms of the engine. No header of the system is included,
// so that a kernel compiles in a moment.

#define __global__
#define __device__

struct Dim { unsigned x, y, z; };
extern "C" {
extern Dim threadIdx, blockIdx, blockDim, gridDim;
void stand_in_syncthreads(int line);
void stand_in_syncwarp(unsigned mask, int line);
unsigned long long stand_in_shuffle_xor(unsigned mask, unsigned long long bits, int other, int line);
[[noreturn]] void stand_in_outside(long long argument, long long index);
}

// An array as the host described it: which elements it has, from its shape and its strides.
struct View {
    char* address;
    long long argument;
    long long size;  // of an array without gaps, else -1
    long long outer, outer_step, inner, inner_step;

    bool has(long long i) const
    {
        if (size >= 0) return (unsigned long long)i < (unsigned long long)size;
        if (i < 0) return false;
        const long long line = i / outer_step, rest = i % outer_step;
        return line < outer && rest % inner_step == 0 && rest / inner_step < inner;
    }
};

// What a kernel has for a pointer.
template <class T> struct Pointer {
    T* first;
    const View* view;

    explicit Pointer(const char* slot) : first((T*)((const View*)slot)->address), view((const View*)slot) {}
    template <class U> Pointer(const Pointer<U>& x) : first(x.first), view(x.view) {}
    explicit operator bool() const { return first != nullptr; }
    T& operator[](long long i) const
    {
        if (__builtin_expect(!view->has(i), 0)) stand_in_outside(view->argument, i);
        return first[i];
    }
};

template <class T> inline T number(const char* slot)
{
    T x;
    __builtin_memcpy(&x, slot, sizeof x);
    return x;
}

inline void __syncthreads(int line = __builtin_LINE()) { stand_in_syncthreads(line); }
inline void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE()) { stand_in_syncwarp(mask, line); }
inline void __threadfence() {}

template <class T> inline T __shfl_xor_sync(unsigned mask, T x, int other, int line = __builtin_LINE())
{
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &x, sizeof x);
    bits = stand_in_shuffle_xor(mask, bits, other, line);
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

inline unsigned atomicAdd(unsigned* x, unsigned y)  // one thread runs at a time
{
    const unsigned old = *x;
    *x = old + y;
    return old;
}

inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

#define FUNCTION(name) \
    inline float name(float x) { return __builtin_##name##f(x); } \
    inline double name(double x) { return __builtin_##name(x); }
FUNCTION(exp) FUNCTION(expm1) FUNCTION(log) FUNCTION(log1p) FUNCTION(tanh) FUNCTION(sqrt)
FUNCTION(fabs) FUNCTION(erf) FUNCTION(sin) FUNCTION(cos)
#undef FUNCTION
