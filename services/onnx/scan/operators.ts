// Which operators may run. The runtime knows more than these: what hides a compiled program (EPContext), searches with loops of its
// own, or calls outside is not here. A list of what is allowed, since lists of what is forbidden are never complete. Used by scan.ts
// by way of functions.ts.

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

// ONNX operator sets 1 to 26, those that are deprecated by now included.
const STANDARD = words(`
Abs Acos Acosh Add Affine AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Bernoulli
BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip Col2Im Compress
Concat ConcatFromSequence Constant ConstantFill ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh Crop CumProd CumSum DFT
DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear DynamicSlice Einsum Elu Equal Erf Exp Expand EyeLike
Flatten Floor GRU GRUUnit Gather GatherElements GatherND Gelu Gemm GivenTensorFill GlobalAveragePool GlobalLpPool GlobalMaxPool
Gradient Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
ImageDecoder ImageScaler InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop
LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish
Mod Momentum Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement
OptionalHasElement Or PRelu Pad ParametricSoftplus Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal
RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT
Scale ScaledTanh Scan Scatter ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign
SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer
ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor`);

const CLASSICAL = words(`
ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder LinearClassifier
LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor
ZipMap`);

// Of the runtime's own: quantized forms, fusions and attention, which optimisers and exporters write into models.
const CONTRIBUTED = words(`
Attention BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu BitmaskBiasDropout BitmaskDropout CDist ComplexMul ComplexMulConj
ConvTransposeWithDynamicPads CropAndResize DecoderAttention DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention
DequantizeBFP DequantizeLinear DequantizeWithOrder DynamicQuantizeLSTM DynamicQuantizeMatMul EmbedLayerNormalization ExpandDims
FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation GatedRelativePositionBias GatherBlockQuantized GatherND Gelu
GemmFastGelu GridSample GroupNorm GroupQueryAttention Inverse Irfft LayerNormalization LongformerAttention MatMulBnb4 MatMulFpQ4
MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MoE MulInteger MultiHeadAttention MurmurHash3 NGramRepeatBlock
NhwcConv NhwcFusedConv NhwcMaxPool PackedAttention PackedMultiHeadAttention Pad QAttention QEmbedLayerNormalization QGemm QLinearAdd
QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid
QLinearSoftmax QLinearWhere QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention QOrderedMatMul
QuantizeBFP QuantizeLinear QuantizeWithOrder QuickGelu Range RelativePositionBias RemovePadding RestorePadding Rfft RotaryEmbedding
SampleOp SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization SparseAttention
SparseToDenseMatMul Trilu UnfoldTensor Unique WordConvEmbedding`);

const OPERATORS: Readonly<Record<string, ReadonlySet<string>>> = {
  '': STANDARD,
  'ai.onnx': STANDARD,
  'ai.onnx.ml': CLASSICAL,
  'com.microsoft': CONTRIBUTED,
};

/** Domains whose operators are ordinary computation inside the runtime. Others are custom code or not there. */
export const ALLOWED_DOMAINS: readonly string[] = Object.keys(OPERATORS);

// Fusions of the runtime live in the standard domain too, in files that it wrote itself.
const WRITTEN_BY_THE_RUNTIME = words('SimplifiedLayerNormalization FusedConv MemcpyFromHost MemcpyToHost');

/** `domain`: nothing of it may run; `operator`: not this one. */
export function whyNot(domain: string, opType: string): 'domain' | 'operator' | undefined {
  const allowed = OPERATORS[domain];
  if (!Object.hasOwn(OPERATORS, domain) || allowed === undefined) return 'domain';
  if (allowed.has(opType) || (allowed === STANDARD && WRITTEN_BY_THE_RUNTIME.has(opType))) return undefined;
  return 'operator';
}
