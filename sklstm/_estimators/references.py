"""What the docstrings of the estimators cite, by author and year."""

REFERENCES = """
.. [Bahdanau2015] D. Bahdanau, K. Cho and Y. Bengio, "Neural Machine Translation by
   Jointly Learning to Align and Translate", ICLR 2015.
.. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
   Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
.. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
   for Statistical Machine Translation", EMNLP 2014.
.. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
.. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
   in Recurrent Neural Networks", NIPS 2016.
.. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
   Prediction with LSTM", Neural Computation 12(10), 2000.
.. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
   IJCNN 2000.
.. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
   Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
.. [Graves2006] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist
   Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural
   Networks", ICML 2006.
.. [Hannun2014] A. Y. Hannun, A. L. Maas, D. Jurafsky and A. Y. Ng, "First-Pass Large
   Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs",
   arXiv:1408.2873, 2014.
.. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
   Computation 9(8), 1997.
.. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
   Mathematical Statistics 35(1), 1964.
.. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
   Exploration of Recurrent Network Architectures", ICML 2015.
.. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
   arXiv:1905.12322, 2019.
.. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
   ICLR 2015.
.. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
   1978.
.. [Lafferty2001] J. Lafferty, A. McCallum and F. Pereira, "Conditional Random Fields:
   Probabilistic Models for Segmenting and Labeling Sequence Data", ICML 2001.
.. [Lample2016] G. Lample et al., "Neural Architectures for Named Entity Recognition",
   NAACL 2016.
.. [Le2015] Q. V. Le, N. Jaitly and G. E. Hinton, "A Simple Way to Initialize Recurrent
   Networks of Rectified Linear Units", arXiv:1504.00941, 2015.
.. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
   Clinical Time Series with RNNs", MLHC 2016.
.. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
   Warm Restarts", ICLR 2017.
.. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
   Regularization", ICLR 2019.
.. [Luong2015] M.-T. Luong, H. Pham and C. D. Manning, "Effective Approaches to
   Attention-based Neural Machine Translation", EMNLP 2015.
.. [Malhotra2015] P. Malhotra, L. Vig, G. Shroff and P. Agarwal, "Long Short Term Memory
   Networks for Anomaly Detection in Time Series", ESANN 2015.
.. [Malhotra2016] P. Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor
   Anomaly Detection", ICML 2016 Anomaly Detection Workshop, arXiv:1607.00148.
.. [Mikolov2010] T. Mikolov, M. Karafiát, L. Burget, J. Černocký and S. Khudanpur,
   "Recurrent Neural Network Based Language Model", Interspeech 2010.
.. [Park2022] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang,
   "Learning Quantile Functions without Quantile Crossing for Distribution-free Time
   Series Forecasting", AISTATS 2022.
.. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
   recurrent neural networks", ICML 2013.
.. [Press2017] O. Press and L. Wolf, "Using the Output Embedding to Improve Language
   Models", EACL 2017.
.. [Salinas2020] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR:
   Probabilistic Forecasting with Autoregressive Recurrent Networks", International
   Journal of Forecasting 36(3), 2020.
.. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
   Networks", IEEE Transactions on Signal Processing 45(11), 1997.
.. [Shi2015] X. Shi, Z. Chen, H. Wang, D.-Y. Yeung, W.-K. Wong and W.-C. Woo,
   "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
   Nowcasting", NIPS 2015.
.. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
   Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
.. [Sutskever2014] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to Sequence Learning
   with Neural Networks", NIPS 2014.
.. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
   ICLR 2018.
.. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
   Networks for Machine Learning, 2012.
.. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
   On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
.. [Wilson1931] E. B. Wilson and M. M. Hilferty, "The Distribution of Chi-Square",
   Proceedings of the National Academy of Sciences 17(12), 1931.
.. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
   Networks for Relation Classification", ACL 2016.
.. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
   Transactions on Mathematical Software 23(4), 1997.
"""
